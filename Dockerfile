# Two stages: the first builds, the second holds Python, the installed packages, and nothing else.
# No setting and no secret is baked in: they come at run time (docs/settings.md).

FROM python:3.12-slim AS builder
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# The environment of the second stage gets neither pip nor setuptools.
RUN python -m venv --without-pip /opt/drivekeeper

# Dependencies before the sources: a change of the sources alone does not install them again.
COPY requirements-build.txt requirements.txt ./
RUN python -m pip install --require-hashes -r requirements-build.txt \
    && python -m pip --python /opt/drivekeeper/bin/python install --require-hashes -r requirements.txt

# on: /health has a picture of the last day, and the image is 150 MB larger.
ARG HEALTH_PICTURE=off
COPY requirements-picture.txt ./
RUN if [ "$HEALTH_PICTURE" = on ]; then python -m pip --python /opt/drivekeeper/bin/python \
        install --require-hashes -r requirements-picture.txt; fi

# Google's client brings descriptions of all of Google's interfaces, 109 MB; what is called is
# Drive's and Sheets'. Babel brings how numbers and dates are written in every language,
# 31 MB; what is written is English and Chinese. The packages stay whole to pip (`pip check` looks
# at versions), and in the image there is no pip that would miss the files.
RUN find /opt/drivekeeper -path '*/googleapiclient/discovery_cache/documents/*' -type f \
        ! -name drive.v3.json ! -name sheets.v4.json -delete \
    && find /opt/drivekeeper -path '*/babel/locale-data/*' -type f \
        ! -name root.dat ! -name 'en*' ! -name 'zh*' -delete

COPY pyproject.toml README.md LICENSE ./
COPY cli.py upload.py ./
COPY bot bot
COPY commands commands
COPY config config
COPY departments departments
COPY desktop desktop
COPY drive drive
COPY looks looks
COPY processes processes
COPY security security
COPY sheets sheets
COPY web web
COPY sandbox sandbox
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && python -m pip --python /opt/drivekeeper/bin/python install --no-deps --no-index /wheels/*.whl


FROM python:3.12-slim
# Its version is pyproject.toml's: `docker run --rm drivekeeper version` says it.
LABEL org.opencontainers.image.title="Drivekeeper" \
      org.opencontainers.image.description="A Telegram bot that puts files into people's own Google Drive" \
      org.opencontainers.image.licenses="MIT"

# A named volume takes over the owner and mode of the folder it is mounted on.
RUN groupadd --gid 10001 drivekeeper \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data \
        --shell /usr/sbin/nologin drivekeeper \
    && install -d -m 0755 /data \
    && install -d -m 0700 -o 10001 -g 10001 /data/user_data /data/telegram
COPY --from=builder /opt/drivekeeper /opt/drivekeeper

# WEB_HOST: inside a container the loopback address can be reached by nobody else; which ports are
# published is decided by whoever runs it. PYTHONDONTWRITEBYTECODE: the root may be read-only.
ENV PATH=/opt/drivekeeper/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    USER_DATA_DIR=/data/user_data \
    WEB_HOST=0.0.0.0 \
    WEB_PORT=8080
USER 10001:10001
WORKDIR /data
VOLUME ["/data/user_data"]
EXPOSE 8080
STOPSIGNAL SIGTERM
# Without a proxy: HTTP_PROXY may be meant for the bot, and is not for this.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["drivekeeper"]
CMD ["bot"]
