// Serves the API description, as JSON and as a page. The page is Swagger UI, from its package; its files are read only
// when they are requested.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type StaticFile, type StaticFiles, serveFiles } from '../http/static-files.ts'
import { readDocument } from './api-document.ts'

const own = (name: string, type: StaticFile['type']): StaticFile => ({
  type,
  locate: () => new URL(`../../web/${name}`, import.meta.url),
})

/** Swagger UI's own files. No code of the package that ships them runs here. */
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
  // They contain no private data, and a browser cannot send a key when it opens an address.
  serveFiles(app, files, 'open')
}

/** The address by which the client reached the server. The guard has verified the host. */
function addressOf({ headers }: FastifyRequest): string {
  const scheme = headers['x-forwarded-proto'] === 'https' ? 'https' : 'http'
  return `${scheme}://${headers.host}`
}
