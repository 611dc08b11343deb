# Two stages: the first installs from the hashed lock file, the second holds the result and no tools to build with.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/switchyard && /opt/switchyard/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY gateway ./gateway
RUN /opt/switchyard/bin/pip install --no-deps --no-build-isolation . \
    && /opt/switchyard/bin/pip uninstall -y pip setuptools \
    && find /opt/switchyard -name '*.pth' ! -name 'distutils-precedence.pth' -print -quit | (! grep .)

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin switchyard \
    && install -d -o 10001 -m 700 /var/lib/switchyard
COPY --from=build /opt/switchyard /opt/switchyard
WORKDIR /app
COPY config ./config
ENV PATH=/opt/switchyard/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 SWITCHYARD_STATE=/var/lib/switchyard
# What the ledger keeps outlives the container.
VOLUME /var/lib/switchyard
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
# In a container the loopback address is of no use to anyone outside. Listening on all of them asks for keys in the
# config (`keys:`), and is refused without.
ENTRYPOINT ["gateway"]
CMD ["serve", "config/gateway.yaml", "--host", "0.0.0.0"]
