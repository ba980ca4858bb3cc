// The OpenAI routes: chat completions, whole and streamed, and models. Those of the Responses API are in
// responses/routes.ts. The translation itself is pure and lives in the other files. Register these routes in a scope of
// their own, because their error handler is meant for them only.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { modelNames, resolveModel } from '../../compat/models.ts'
import { type CompatApi, serveRun } from '../../compat/serve-run.ts'
import type { RunHandle } from '../../core/runs.ts'
import { AppError } from '../../errors.ts'
import { toRequestError } from '../../http/request-errors.ts'
import type { SendError } from '../../http/requested-surface.ts'
import { routesNeed } from '../../http/route-options.ts'
import type { Frame } from '../../http/sse.ts'
import { parseBody } from '../../http/validate.ts'
import { ChatChunks, type ReplyIds, toCompletion } from './chat/reply.ts'
import { type ChatPlan, toChatRun } from './chat/request.ts'
import { ChatRequest } from './chat/schemas.ts'
import { registerResponses } from './responses/routes.ts'
import { openaiHeaders, openaiStatus, toErrorBody } from './shared/errors.ts'
import { toModel, toModelList } from './shared/models.ts'
import type { OpenaiOptions } from './shared/options.ts'

export const sendOpenaiError: SendError = (error, _request, reply) =>
  reply.code(openaiStatus(error)).headers(openaiHeaders(error)).send(toErrorBody(error))

export function registerOpenai(app: FastifyInstance, options: OpenaiOptions): void {
  routesNeed(app, 'chat')
  app.setErrorHandler((thrown, request, reply) => sendOpenaiError(toRequestError(thrown, request), request, reply))
  app.post('/v1/chat/completions', (request, reply) => chatCompletions(options, request, reply))
  registerResponses(app, options)
  const constraints = { surface: 'openai' }
  app.get('/v1/models', { constraints }, async () => toModelList(modelNames(await options.models(), options.modelMap)))
  refuseUnsupportedRoutes(app)
  app.get<{ Params: { '*': string } }>('/v1/models/*', { constraints }, async ({ params }) => {
    const id = params['*']
    resolveModel(id, await options.models(), options.modelMap)
    return toModel(id)
  })
}

/** Other OpenAI routes that programs call: they get an error in OpenAI's form that says what to use instead. */
const unsupportedRoutes = [
  ...[
    'completions',
    'responses/compact',
    'conversations',
    'conversations/*',
    'embeddings',
    'moderations',
    'images/*',
    'audio/*',
    'files',
    'files/*',
    'batches',
    'batches/*',
  ],
  ...[
    'assistants',
    'assistants/*',
    'threads',
    'threads/*',
    'vector_stores',
    'vector_stores/*',
    'fine_tuning/*',
    'uploads',
  ],
]

function refuseUnsupportedRoutes(app: FastifyInstance): void {
  for (const path of unsupportedRoutes) {
    app.all(`/v1/${path}`, { constraints: { surface: 'openai' } }, async ({ originalUrl }) => {
      throw new AppError(
        'not_found',
        `${originalUrl.split('?')[0]} is not supported: use /v1/responses or /v1/chat/completions`,
      )
    })
  }
  for (const path of ['/v1/chat/completions', '/v1/responses', '/v1/responses/input_tokens']) {
    app.get(path, async (_request, reply) => {
      reply.header('allow', 'POST')
      throw new AppError('method_not_allowed', `${path} supports POST, not GET`)
    })
  }
}

function chatCompletions(options: OpenaiOptions, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  return serveRun(chatApi, options, request, reply)
}

const chatApi: CompatApi<ChatRequest, ChatPlan> = {
  parse: (body) => parseBody(ChatRequest, body),
  translate: toChatRun,
  schemaParam: () => 'response_format.json_schema.schema',
  toReply: (answer, plan, run) => toCompletion(answer, plan, idsOf(run)),
  encoder(plan, run) {
    const chunks = new ChatChunks(plan, idsOf(run))
    return {
      // Only a stream that succeeds ends with `[DONE]`.
      toFrames: (event) => [...chunks.encode(event).map(toFrame), ...(event.type === 'run-end' ? [done] : [])],
      toErrorFrames: (error) => [toFrame(toErrorBody(error))],
    }
  },
}

const idsOf = ({ id, createdAtMs }: RunHandle): ReplyIds => ({
  id: `chatcmpl-${id.replace(/^run_/, '')}`,
  created: Math.floor(createdAtMs / 1000),
})

const toFrame = (chunk: object): Frame => ({ data: JSON.stringify(chunk) })
const done: Frame = { data: '[DONE]' }
