// The route that gives the web page its key, in exchange for the code of a one-time link. The guard decides who may
// call it; routes.ts sends the errors.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { exchangeCode, type LoginLinkStore } from '../../auth/login-links.ts'
import { AppError } from '../../errors.ts'
import { type RouteTable, registerRoutes } from '../../http/routes.ts'
import { parseBody } from '../../http/validate.ts'
import type { LoginReply } from './server-schemas.ts'

export type LoginOptions = { keys: LoginLinkStore; now(): number }

const LoginRequest = z.strictObject({})

export const loginRoutes: RouteTable<LoginOptions> = {
  tag: 'server',
  scope: 'login',
  routes: [
    {
      method: 'POST',
      path: '/v1/login',
      id: 'login',
      summary: 'Exchange the code of a one-time link for a key',
      about:
        'For the web page. If there are keys, the link that `claude-serve open` makes contains a code, which is sent like a key: `authorization: Bearer …`. It works on no other route, once, and for a minute. The key is valid for everything for twelve hours; `claude-serve keys` lists and revokes it.',
      mayBeEmpty: true,
      answers: { 201: { about: 'The key.', json: 'Login' } },
      handler: login,
    },
  ],
}

export const registerLogin = (app: FastifyInstance, options: LoginOptions) => registerRoutes(app, loginRoutes, options)

async function login(
  { keys, now }: LoginOptions,
  { body, caller }: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  // An invalid request does not use up the code.
  parseBody(LoginRequest, body ?? {})
  if (caller.key === null) throw new AppError('unauthorized', 'this route requires the code of a one-time link')
  const nowMs = now()
  const { secret, key } = await exchangeCode(caller.key, keys, nowMs)
  const answer: LoginReply = { key: secret, expires_at: new Date(key.expiresAtMs ?? nowMs).toISOString() }
  return reply.code(201).send(answer)
}
