FROM python:3.12-slim-bookworm AS build
WORKDIR /srv/leasetrace
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY .ci/prepare .ci/prepare
COPY app app
RUN bash .ci/prepare image

FROM python:3.12-slim-bookworm
RUN useradd --system --no-create-home leasetrace
WORKDIR /srv/leasetrace
COPY --from=build /srv/leasetrace ./
COPY alembic.ini ./
COPY migrations migrations
ENV PATH=/srv/leasetrace/.venv/bin:$PATH PYTHONUNBUFFERED=1
USER leasetrace
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/livez', timeout=3)"]
CMD ["leasetrace", "serve", "--host", "0.0.0.0", "--port", "8000"]
