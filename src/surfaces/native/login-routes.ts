// The route that gives the web page its key, in exchange for the code of a one-time link. The guard decides who may
// call it; routes.ts sends the errors.
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { exchangeCode, type LoginLinkStore } from '../../auth/login-links.ts'
import { AppError } from '../../errors.ts'
import { allowEmptyBodies } from '../../http/route-options.ts'
import { parseBody } from '../../http/validate.ts'
import type { LoginReply } from './server-schemas.ts'

export type LoginOptions = { keys: LoginLinkStore; now(): number }

const LoginRequest = z.strictObject({})

export function registerLogin(parent: FastifyInstance, { keys, now }: LoginOptions): void {
  parent.register(async (app) => {
    allowEmptyBodies(app)
    app.post('/v1/login', { config: { scope: 'login' } }, async ({ body, caller }, reply) => {
      // An invalid request does not use up the code.
      parseBody(LoginRequest, body ?? {})
      if (caller.key === null) throw new AppError('unauthorized', 'this route requires the code of a one-time link')
      const nowMs = now()
      const { secret, key } = await exchangeCode(caller.key, keys, nowMs)
      const answer: LoginReply = { key: secret, expires_at: new Date(key.expiresAtMs ?? nowMs).toISOString() }
      return reply.code(201).send(answer)
    })
  })
}
