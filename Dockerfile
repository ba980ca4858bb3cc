# claude-serve with the CLI that the Agent SDK ships, for one person's own use. How to run it: docs/operations.md, "In a container".
# The image contains no login and no key: they are mounted, or passed to the container.

# To pin the base by its digest: --build-arg NODE_IMAGE=node:24-slim@sha256:…
ARG NODE_IMAGE=node:24-slim

# One installation: what the build needs besides is removed from it again.
FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY ui ./ui
COPY web ./web
COPY scripts/build-ui.ts ./scripts/
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM ${NODE_IMAGE}
# Claude Code itself uses git; tini forwards signals and reaps orphaned processes.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates git tini \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json openapi.json LICENSE ./
COPY web ./web
COPY docs/clients ./docs/clients
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY --from=build /build/web/ui ./web/ui
# `claude-serve` on PATH is for docker exec, and `claude` for its own commands. The mark tells hints how they are reached from outside, and that
# the port is published on loopback. The folders belong to the user that runs everything.
RUN ln -s "$(node -e "import('/app/dist/claude/cli/executable.js').then((module) => console.log(module.sdkExecutable()))")" \
    /usr/local/bin/claude \
  && chmod +x dist/cli.js \
  && ln -s /app/dist/cli.js /usr/local/bin/claude-serve \
  && touch .container \
  && mkdir -p /data /claude /work \
  && chown node:node /data /claude /work \
  && chmod 700 /data /claude
ENV NODE_ENV=production \
  CLAUDE_CONFIG_DIR=/claude \
  CLAUDE_SERVE_DATA_DIR=/data \
  CLAUDE_SERVE_DEFAULT_CWD=/work \
  CLAUDE_SERVE_HOST=0.0.0.0
USER node
WORKDIR /work
VOLUME ["/data", "/claude"]
EXPOSE 5005
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.CLAUDE_SERVE_PORT || 5005}/livez`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--", "node", "--max-semi-space-size=2", "/app/dist/cli.js"]
CMD ["serve"]
