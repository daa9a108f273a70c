# One small image: the program alone on a base without a shell, run by a user without rights.
#
#   docker build -t ocelli .
#   docker run --rm --read-only --cap-drop ALL -p 8080:8080 ocelli
#
# That serves the model in the program. Those of a folder are served in its place with -v "$PWD/models:/models:ro".
#
# Both bases are arguments, so that a site can build from its own mirror; scripts/containers.sh makes its own.
# They are to be of one Debian release: the program is linked against the builder's C library.
ARG BUILDER=rust:1.95-slim-bookworm
ARG RUNTIME=gcr.io/distroless/cc-debian12:nonroot

# Manifests and crate roots, the roots emptied. A copy of unchanged files keeps its cached layer, so the stage after
# this one compiles the dependencies again only when a Cargo.toml or Cargo.lock has changed.
FROM ${BUILDER} AS manifests
WORKDIR /src
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -name main.rs ! -name lib.rs -delete \
 && for root in $(find . -name '*.rs'); do echo 'fn main() {}' > "$root"; done \
 && find . -type d -empty -delete

FROM ${BUILDER} AS build
WORKDIR /src
COPY --from=manifests /src .
# What came of the empty roots is removed again: cargo goes by time stamps and might take it for the real thing.
RUN cargo build --locked --profile dist --bin ocelli \
 && cargo clean --locked --profile dist --package ocelli
COPY . .
RUN cargo build --locked --profile dist --bin ocelli

FROM ${RUNTIME}
LABEL org.opencontainers.image.title="ocelli" \
      org.opencontainers.image.description="Real-time object detection service: a picture in, boxes out" \
      org.opencontainers.image.source="https://github.com/ocelli/ocelli" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
# By number, so that Kubernetes can check runAsNonRoot. It is distroless's `nonroot`.
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 CMD ["/usr/local/bin/ocelli", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/ocelli"]
CMD ["serve", "--host", "0.0.0.0", "--models-dir", "/models"]
# Last, so that a new program is one new layer.
COPY --from=build /src/target/dist/ocelli /usr/local/bin/ocelli
