# The image for agents that are scripts of node: as default.Dockerfile, on an image that has node. The agent itself is not in it:
# the backend brings the pinned program in, read-only, so that this image serves every version.
#
# BASE is any Debian, Ubuntu, Alpine, Fedora, Arch or SUSE image with node 20 or later.
# packages.sh and roots.pem are laid beside this file: the installer, and the certificates that the host trusts.
ARG BASE=node:22-bookworm-slim
FROM ${BASE}
ARG http_proxy
ARG https_proxy
ARG no_proxy
COPY packages.sh roots.pem /run/bot-bottle-build/
RUN node --version && sh /run/bot-bottle-build/packages.sh \
        bash ca-certificates curl diffutils file findutils git jq less make openssh-client patch procps python3 ripgrep tar unzip xz-utils \
    && rm -rf /run/bot-bottle-build
