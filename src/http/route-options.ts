// What a file of routes declares about them: the scope that each needs, the spellings of its path, and whether its body may be empty.
import type { FastifyInstance } from 'fastify'
import type { Caller, RouteScope } from '../auth/authenticate.ts'

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller
  }
  interface FastifyContextConfig {
    scope?: RouteScope
  }
}

/** All routes of the scope that do not say otherwise need this. */
export function routesNeed(app: FastifyInstance, scope: RouteScope): void {
  app.addHook('onRoute', (route) => {
    route.config = { scope, ...route.config }
  })
}

/** Throws when the app is made ready if a route does not declare what it needs. */
export function requireDeclaredScopes(app: FastifyInstance): void {
  const routes: { url: string; config?: { scope?: RouteScope } }[] = []
  app.addHook('onRoute', (route) => void routes.push(route))
  app.addHook('onReady', async () => {
    const open = routes.find(({ config }) => config?.scope === undefined)
    if (open !== undefined)
      throw new Error(`the route ${open.url} does not say what it needs: see auth/authenticate.ts`)
  })
}

export const prefixes = ['/v1', '/v1/v1', '']

/** Every spelling of a path that begins after `/v1`. */
export const spellings = (path: string): string[] =>
  prefixes.flatMap((prefix) => [`${prefix}${path}`, `${prefix}${path}/`])

/** For all routes of the scope. */
export function allowEmptyBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) =>
    body === '' ? done(null, undefined) : parse(request, body, done),
  )
}
