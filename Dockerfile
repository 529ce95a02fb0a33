# ticketbridge in a container: one static binary, nothing else to run.
#
#   docker build -t ticketbridge .
#   docker run -v $PWD/config:/etc/ticketbridge:ro -v ticketbridge:/var/lib/ticketbridge ticketbridge
#
# /etc/ticketbridge/config.toml and the secrets beside it must be readable by uid 65532. state_dir
# stays /var/lib/ticketbridge: keep that volume, the key and the database are in it.
# To be healthy means more with [http] listen = "127.0.0.1:8025" in the config.

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -tags timetzdata -o /out/ticketbridge ./cmd/ticketbridge
RUN mkdir -p /out/state && mkdir -m 1777 /out/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/ticketbridge /ticketbridge
COPY --from=build --chown=65532:65532 /out/tmp /tmp
# A new volume takes its owner from here.
COPY --from=build --chown=65532:65532 /out/state /var/lib/ticketbridge
USER 65532:65532
WORKDIR /var/lib/ticketbridge
VOLUME /var/lib/ticketbridge
ENV TICKETBRIDGE_CONFIG=/etc/ticketbridge/config.toml
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["/ticketbridge", "health"]
ENTRYPOINT ["/ticketbridge"]
CMD ["serve", "-config", "/etc/ticketbridge/config.toml"]
