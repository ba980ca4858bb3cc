# claude-serve with the CLI that the Agent SDK ships, for one person's own use. How to run it: docs/operations.md, "In a container".
# The image contains no login and no key: they are mounted, or passed to the container.

FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY ui ./ui
COPY web ./web
COPY scripts/build-ui.ts ./scripts/
RUN npm run build

FROM node:24-slim AS modules
WORKDIR /modules
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-slim
# Claude Code itself uses git; tini forwards signals and reaps orphaned processes.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates git tini \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json openapi.json LICENSE ./
COPY web ./web
COPY docs/clients ./docs/clients
COPY --from=modules /modules/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY --from=build /build/web/ui ./web/ui
# `claude` on PATH is for logging in: docker run -it … --entrypoint claude. The folders belong to the user that runs everything.
RUN ln -s "$(node -e "import('/app/dist/claude/cli/executable.js').then((module) => console.log(module.sdkExecutable()))")" \
    /usr/local/bin/claude \
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
