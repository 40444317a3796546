# docker build -t compression-explorer .
# docker run --rm --read-only --tmpfs /tmp --tmpfs /cache:mode=1777 -p 127.0.0.1:8501:8501 compression-explorer
# deploy/container.md says more.
FROM python:3.11-slim AS build
RUN pip install --no-cache-dir uv==0.13.9
# PyTorch without CUDA, which fills gigabytes; modules compiled now, since the running container writes none.
ENV UV_TORCH_BACKEND=cpu UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1
RUN uv venv /opt/explorer
# What the app depends on changes seldom: a layer of its own.
COPY requirements.txt /source/
RUN uv pip install --python /opt/explorer -r /source/requirements.txt
COPY . /source
RUN uv pip install --python /opt/explorer --no-deps /source

FROM python:3.11-slim
RUN useradd --uid 1000 --no-create-home --home-dir /cache explorer && install -d -o explorer /cache
COPY --from=build /opt/explorer /opt/explorer
# All that is written: decoded images, computed logits. Nothing is lost with it but time.
ENV XDG_CACHE_HOME=/cache PYTHONDONTWRITEBYTECODE=1
VOLUME /cache
USER explorer
WORKDIR /cache
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["/opt/explorer/bin/python", "-c", "import urllib.request as web; web.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
# Inside, every address is listened to; what the machine lets in is up to -p. More options may follow the image's name.
ENTRYPOINT ["/opt/explorer/bin/compression-explorer", "--host", "0.0.0.0"]
