# docker build -t netcheck . && docker run --rm -v "$PWD:/work:ro" netcheck lint .
FROM python:3.11-slim AS build
COPY . /source
RUN python -m venv /opt/netcheck && /opt/netcheck/bin/pip install --no-cache-dir /source

FROM python:3.11-slim
COPY --from=build /opt/netcheck /opt/netcheck
ENV PATH=/opt/netcheck/bin:$PATH PYTHONDONTWRITEBYTECODE=1
# git: for --changed-since and git: sources; the mounted repository belongs to somebody else
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/* \
 && git config --system --add safe.directory '*'
USER 65534:65534
WORKDIR /work
ENTRYPOINT ["netcheck"]
CMD ["lint", "."]
