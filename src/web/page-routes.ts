// Serves the web page at `/`: the files that `npm run build:ui` builds from ui/. They contain no secrets, so they are
// public. The page loads everything it shows from the native API.
import { readdirSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import { type RouteTable, registerRoutes } from '../http/routes.ts'
import { addVary, type StaticFile, type StaticFiles, sendFile, serveFiles } from '../http/static-files.ts'

const folder = new URL('../../web/ui/', import.meta.url)

const types = { html: 'html', js: 'js', css: 'css', svg: 'svg' } as const

type PageOptions = { page: StaticFile | undefined }

export const pageRoutes: RouteTable<PageOptions> = {
  tag: 'server',
  scope: 'open',
  routes: [
    {
      method: 'GET',
      path: '/',
      id: 'getRoot',
      summary: 'A short text saying that the server is running; for browsers, the web page',
      answers: { 200: { about: 'The text, or the page.', text: 'text/plain' } },
      handler({ page }, request, reply) {
        addVary(reply, 'accept')
        const wantsPage = request.headers.accept?.includes('text/html') === true
        if (wantsPage && page !== undefined) return sendFile(page, request, reply)
        const hint = wantsPage ? '; its page is not built: run npm run build:ui' : ''
        return reply.type('text/plain; charset=utf-8').send(`claude-serve is running${hint}\n`)
      },
    },
  ],
}

export function registerUi(app: FastifyInstance): void {
  const files = Object.fromEntries(fileNames().flatMap((name) => fileOf(name) ?? []))
  const { 'page.html': page, ...parts } = files
  registerRoutes(app, pageRoutes, { page })
  const served: StaticFiles = Object.fromEntries(Object.entries(parts).map(([name, file]) => [`/ui/${name}`, file]))
  serveFiles(app, served, 'open')
}

function fileOf(name: string): [[string, StaticFile]] | null {
  const type = types[name.slice(name.lastIndexOf('.') + 1) as keyof typeof types]
  return type === undefined ? null : [[name, { type, locate: () => new URL(name, folder) }]]
}

/** Empty in a clone in which the page has not been built. */
function fileNames(): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
