# Every service of docker-compose.yml but Superset, on the same lock as a laptop; the command says which one.
FROM python:3.11-slim-bookworm AS baotu

ENV PATH=/opt/baotu/.venv/bin:$PATH \
    PYTHONUTF8=1 \
    PYTHONUNBUFFERED=1 \
    TZ=Asia/Shanghai \
    HOME=/tmp \
    DO_NOT_TRACK=1 \
    SCARF_NO_ANALYTICS=1 \
    DBT_SEND_ANONYMOUS_USAGE_STATS=false \
    GX_ANALYTICS_ENABLED=false \
    BAOTU_AIRFLOW_URL=http://api-server:8080 \
    BAOTU_LANDING_URL=/landing \
    BAOTU_ARCHIVE_URL=/archive \
    BAOTU_STATE_DIR=/state

# Volumes take their owner from these directories when they are made.
RUN useradd --uid 10001 --user-group --home-dir /tmp --no-create-home --shell /usr/sbin/nologin baotu \
    && install --directory --mode 0755 /landing \
    && install --directory --owner baotu --group baotu --mode 0700 /state /archive

WORKDIR /opt/baotu

# Before the code, which changes more often. Wheels only: nothing is compiled here, and nothing that the lock lacks
# is fetched. An index of one's own: --build-arg PIP_INDEX_URL=…
ARG PIP_INDEX_URL
COPY requirements.lock ./
RUN python -m venv .venv \
    && .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --no-deps --only-binary :all: --requirement requirements.lock

# Root's, for nobody who runs here to write to, and readable whatever the checkout's umask was; so compiled now.
COPY . ./
RUN chmod -R u=rwX,go=rX dags dbt_project expectations plugins pyproject.toml README.md LICENSE \
    && .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --no-deps --no-build-isolation --no-index --editable . \
    && .venv/bin/python -m compileall -q dags expectations plugins

USER baotu
CMD ["baotu", "--help"]

# Profile `bi`: Superset, in an environment of its own beside the other.
FROM baotu AS bi
USER root
ARG PIP_INDEX_URL
RUN python -m venv .venv-bi \
    && .venv-bi/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --no-deps --only-binary :all: --requirement requirements-bi.lock
USER baotu
CMD ["baotu", "bi", "serve"]
