// Anthropic's routes: messages (whole and streamed), token counts and models. The translation is pure and lives in the
// other files. Register this in a scope of its own, because its error handler is meant for these routes only.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { displayNameOf, modelNames, resolveModel } from '../../compat/models.ts'
import { type CompatApi, type CompatOptions, countInputTokens, serveRun } from '../../compat/serve-run.ts'
import type { RunHandle } from '../../core/runs.ts'
import { AppError } from '../../errors.ts'
import { toRequestError } from '../../http/request-errors.ts'
import type { SendError } from '../../http/requested-surface.ts'
import { routesNeed } from '../../http/route-options.ts'
import { namedFrame } from '../../http/sse.ts'
import { parseBody } from '../../http/validate.ts'
import { anthropicHeaders, anthropicStatus, toErrorBody } from './errors.ts'
import { type PageQuery, toModelInfo, toModelPage } from './models.ts'
import { MessageEvents, toMessage } from './reply.ts'
import { type MessagePlan, type MessagesBody, toMessagesRun } from './request.ts'
import { CountRequest, MessagesRequest } from './schemas.ts'
import { readVersion } from './version.ts'

export const sendAnthropicError: SendError = (error, request, reply) =>
  reply.code(anthropicStatus(error)).headers(anthropicHeaders(error)).send(toErrorBody(error, request.id))

export function registerAnthropic(app: FastifyInstance, options: CompatOptions): void {
  routesNeed(app, 'chat')
  app.setErrorHandler((thrown, request, reply) => sendAnthropicError(toRequestError(thrown, request), request, reply))
  app.post('/v1/messages', (request, reply) => messages(options, request, reply))
  app.post('/v1/messages/count_tokens', (request, reply) => countTokens(options, request, reply))
  registerModels(app, options)
  refuseUnsupported(app)
}

function registerModels(app: FastifyInstance, { models, modelMap }: CompatOptions): void {
  const constraints = { surface: 'anthropic' }
  app.get<{ Querystring: PageQuery }>('/v1/models', { constraints }, async ({ query }) =>
    toModelPage(modelNames(await models(), modelMap), query),
  )
  app.get<{ Params: { '*': string } }>('/v1/models/*', { constraints }, async ({ params }) => {
    const id = params['*']
    const facts = await models()
    resolveModel(id, facts, modelMap)
    return toModelInfo({ id, displayName: displayNameOf(id, facts, modelMap) })
  })
}

/** Routes of Anthropic's API that this server does not support. They return errors in the API's format. */
function refuseUnsupported(app: FastifyInstance): void {
  for (const path of ['/v1/messages/batches', '/v1/messages/batches/*']) {
    app.all(path, async () => {
      throw new AppError('not_implemented', 'message batches are not supported yet: use POST /v1/messages')
    })
  }
  for (const path of ['/v1/messages', '/v1/messages/count_tokens']) {
    app.get(path, async (_request, reply) => {
      reply.header('allow', 'POST')
      throw new AppError('method_not_allowed', `${path} supports POST, not GET`)
    })
  }
  app.all('/v1/complete', async () => {
    throw new AppError('not_found', '/v1/complete is not supported: use POST /v1/messages')
  })
}

function messages(options: CompatOptions, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  return serveRun(messagesApi, options, request, reply)
}

async function countTokens(options: CompatOptions, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  return { input_tokens: await countInputTokens(countApi, options, request, reply) }
}

const messagesApi: CompatApi<MessagesBody, MessagePlan> = {
  parse: (body) => parseBody(MessagesRequest, body),
  translate: (body, resolved, { headers }) => toMessagesRun(body, resolved, readVersion(headers['anthropic-version'])),
  schemaParam: ({ formatParam }) => `${formatParam}.schema`,
  toReply: (answer, plan, run) => toMessage(answer, plan, idOf(run)),
  encoder(plan, run, request) {
    const events = new MessageEvents(plan, idOf(run))
    return {
      toFrames: (event) => events.encode(event).map(namedFrame),
      toErrorFrames: (error) => [namedFrame(toErrorBody(error, request.id))],
      heartbeat: namedFrame({ type: 'ping' }),
    }
  },
}

const countApi: typeof messagesApi = {
  ...messagesApi,
  // Its schema does not check the fields that concern the answer.
  parse: (body) => ({ ...parseBody(CountRequest, body), stop_sequences: null }),
}

const idOf = ({ id }: RunHandle) => `msg_${id.replace(/^run_/, '')}`
