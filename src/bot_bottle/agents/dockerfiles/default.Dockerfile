# The image in which agents are at home: a shell, git, search tools, Python, certificates. The agent itself is not in it: the
# backend brings the pinned program in, read-only, so that this image serves every version.
#
# BASE is any Debian, Ubuntu, Alpine, Fedora, Arch or SUSE image: a mirror's, or one that was imported by hand.
# packages.sh and roots.pem are laid beside this file: the installer, and the certificates that the host trusts.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
ARG http_proxy
ARG https_proxy
ARG no_proxy
COPY packages.sh roots.pem /run/bot-bottle-build/
RUN sh /run/bot-bottle-build/packages.sh \
        bash ca-certificates curl diffutils file findutils git jq less make openssh-client patch procps python3 ripgrep tar unzip xz-utils \
    && rm -rf /run/bot-bottle-build
