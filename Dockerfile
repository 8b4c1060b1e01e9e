# The image of a release: docs/operations.md, "In a container". Its two commands are `python manage.py
# migrate` and `gunicorn`. It has only the packages of requirements.lock.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /opt/veza
COPY requirements.lock ./
RUN python3 -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --no-compile --require-hashes --requirement requirements.lock \
    && .venv/bin/pip uninstall --yes pip
COPY . ./
# The static files have hashes of their contents in their names, so the image must contain them. This
# opens no connection.
RUN DATABASE_URL=postgresql://nobody@localhost/none .venv/bin/python manage.py collectstatic --noinput \
    && .venv/bin/python -m compileall -q .venv veza_* manage.py gunicorn.conf.py

FROM ${BASE}
RUN useradd --uid 10001 --no-create-home --home-dir /opt/veza --shell /usr/sbin/nologin veza
# Root owns the files, so the process cannot change them.
COPY --from=build /opt/veza /opt/veza
WORKDIR /opt/veza
ENV PATH=/opt/veza/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    BIND=0.0.0.0:8000 \
    LOG_FORMAT=json
USER 10001
EXPOSE 8000
HEALTHCHECK --start-period=30s --timeout=10s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=5)"]
CMD ["gunicorn"]
