# The image is one static binary: no shell, no package manager, no root.
#
#   docker build -t larder .
#   docker run -p 8484:8484 -v larder:/data \
#     -e LARDER_EXTERNAL_CONNECTION="public:npmjs=https://…" larder
#
# Inside a container no package tool can be asked where the public registries
# are: LARDER_EXTERNAL_CONNECTION, or `larder connection set`, says it.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG RELEASE=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.release=${RELEASE}" -o /out/larder ./cmd/larder
# The folders that scratch lacks; a new volume takes owner and mode of /data.
RUN mkdir -m 0700 /out/data && mkdir -m 1777 /out/tmp && mkdir -p /out/etc/ssl/certs \
 && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/

FROM scratch AS final
COPY --from=build --chown=65532:65532 /out/ /
ENV LARDER_DATA=/data \
    LARDER_LISTEN=0.0.0.0:8484 \
    LARDER_NATS_LISTEN=0.0.0.0:8485
USER 65532:65532
VOLUME /data
EXPOSE 8484 8485
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=5s CMD ["/larder", "health"]
ENTRYPOINT ["/larder"]
CMD ["serve"]
