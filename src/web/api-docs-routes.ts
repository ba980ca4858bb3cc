// The description of the API, for programs and as a page. The page is Swagger UI, from the package; nothing of it is read before somebody
// asks for it.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type StaticFile, type StaticFiles, serveFiles } from '../http/static-files.ts'
import { readDocument } from './api-document.ts'

const own = (name: string, type: StaticFile['type']): StaticFile => ({
  type,
  locate: () => new URL(`../../web/${name}`, import.meta.url),
})

/** Swagger UI's own files; the package that they come in is not run. */
const swaggerUi = (name: string, type: StaticFile['type']): StaticFile => ({
  type,
  locate: () => new URL(import.meta.resolve(`@fastify/swagger-ui/static/${name}`)),
})

const files: StaticFiles = {
  '/docs': own('docs.html', 'html'),
  '/docs/docs.js': own('docs.js', 'js'),
  '/docs/docs.css': own('docs.css', 'css'),
  '/docs/icon.svg': own('icon.svg', 'svg'),
  '/docs/swagger-ui.js': swaggerUi('swagger-ui-bundle.js', 'js'),
  '/docs/swagger-ui.css': swaggerUi('swagger-ui.css', 'css'),
}

export function registerOpenapi(app: FastifyInstance): void {
  app.get('/openapi.json', { config: { scope: 'any' } }, async (request) => ({
    ...(await readDocument()),
    servers: [{ url: addressOf(request) }],
  }))
  // They hold nothing of anybody's, and a browser cannot send a key when it opens an address.
  serveFiles(app, files, 'open')
}

/** As the caller reached it: the door has seen to it that the host is one of ours. */
function addressOf({ headers }: FastifyRequest): string {
  const scheme = headers['x-forwarded-proto'] === 'https' ? 'https' : 'http'
  return `${scheme}://${headers.host}`
}
