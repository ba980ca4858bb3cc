// Requests that change something and have nothing more to say. The header that says JSON is asked of them too, as no web page can
// send it; a body is not.
import type { FastifyInstance } from 'fastify'

/** For all routes of the scope. */
export function allowEmptyBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) =>
    body === '' ? done(null, undefined) : parse(request, body, done),
  )
}
