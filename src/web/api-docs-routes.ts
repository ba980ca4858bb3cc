// Serves the API description, as JSON and as a page. The page is Swagger UI, from its package; its files are read only
// when they are requested.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type RouteTable, registerRoutes } from '../http/routes.ts'
import { type StaticFile, type StaticFiles, sendFile, serveFiles } from '../http/static-files.ts'
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

const page = own('docs.html', 'html')

const files: StaticFiles = {
  '/docs/docs.js': own('docs.js', 'js'),
  '/docs/docs.css': own('docs.css', 'css'),
  '/docs/icon.svg': own('icon.svg', 'svg'),
  '/docs/swagger-ui.js': swaggerUi('swagger-ui-bundle.js', 'js'),
  '/docs/swagger-ui.css': swaggerUi('swagger-ui.css', 'css'),
}

export const openapiRoutes: RouteTable<null> = {
  tag: 'server',
  scope: 'any',
  routes: [
    {
      method: 'GET',
      path: '/openapi.json',
      id: 'getOpenapi',
      summary: 'This document',
      about: 'With the URL at which it was requested.',
      answers: { 200: { about: 'The document.', json: 'Document' } },
      handler: async (_options, request) => ({
        ...(await readDocument()),
        servers: [{ url: addressOf(request) }],
      }),
    },
    {
      method: 'GET',
      path: '/docs',
      scope: 'open',
      id: 'getDocs',
      summary: 'This document as a page',
      answers: { 200: { about: 'The page.', text: 'text/html' } },
      handler: (_options, request, reply) => sendFile(page, request, reply),
    },
  ],
}

export function registerOpenapi(app: FastifyInstance): void {
  registerRoutes(app, openapiRoutes, null)
  // They contain no private data, and a browser cannot send a key when it opens an address.
  serveFiles(app, files, 'open')
}

/** The address by which the client reached the server. The guard has verified the host. */
function addressOf({ headers }: FastifyRequest): string {
  const scheme = headers['x-forwarded-proto'] === 'https' ? 'https' : 'http'
  return `${scheme}://${headers.host}`
}
