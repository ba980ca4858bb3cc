// What route files declare about their routes: the required scope, and whether the body may be empty.
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

/** Sets the required scope for all routes of this plugin that declare none. */
export function routesNeed(app: FastifyInstance, scope: RouteScope): void {
  app.addHook('onRoute', (route) => {
    route.config = { scope, ...route.config }
  })
}

/** Throws when the app becomes ready if a route declares no scope. */
export function requireDeclaredScopes(app: FastifyInstance): void {
  const routes: { url: string; config?: { scope?: RouteScope } }[] = []
  app.addHook('onRoute', (route) => void routes.push(route))
  app.addHook('onReady', async () => {
    const open = routes.find(({ config }) => config?.scope === undefined)
    if (open !== undefined)
      throw new Error(`the route ${open.url} does not declare its scope: see auth/authenticate.ts`)
  })
}

/** For all routes of this plugin. */
export function allowEmptyBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) =>
    body === '' ? done(null, undefined) : parse(request, body, done),
  )
}
