# The kit with the smoke book built and served on port 8000, as a user without rights:
#   docker build -t eas . && docker run --rm -p 8000:8000 eas
# A container for work: docker run --rm -it -v "$PWD/runs:/home/eas/kit/runs" eas bash
FROM python:3.11.11-slim-bookworm

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# packages of Debian 12, which the tag above fixes
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home --shell /bin/bash eas

USER 1000
WORKDIR /home/eas/kit
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PATH=/home/eas/kit/.venv/bin:$PATH

COPY --chown=eas:eas . .
# the exact versions of constraints.txt; what the book trains to show that it runs is not kept
RUN make book PROFILE=smoke RUNS=/tmp/runs && rm -rf /tmp/runs .snakemake

EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s CMD ["python", "-c", "from http.client import HTTPConnection as c; h = c('localhost', 8000); h.request('GET', '/index.html'); assert h.getresponse().status == 200"]
CMD ["python", "-m", "http.server", "8000", "--directory", "_build/html"]
