// The OpenAI routes: chat completions, whole and streamed, and models. Those of the Responses API are in
// responses/routes.ts. The translation itself is pure and lives in the other files. Register these routes in a scope of
// their own, because their error handler is meant for them only.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { requireScope } from '../../auth/authenticate.ts'
import { checkToolSchemas } from '../../compat/client-tools.ts'
import { checkAnswerSchema } from '../../compat/json-schema-checks.ts'
import { modelNames, resolveModel } from '../../compat/models.ts'
import type { RunEvent } from '../../core/events.ts'
import type { RunHandle } from '../../core/runs.ts'
import { AppError } from '../../errors.ts'
import { nameIgnoredFields, reportIgnoredFields } from '../../http/ignored-fields.ts'
import { toRequestError } from '../../http/request-errors.ts'
import type { SendError } from '../../http/requested-surface.ts'
import { prefixes, routesNeed, spellings } from '../../http/route-options.ts'
import type { Frame } from '../../http/sse.ts'
import { startRun } from '../../http/start-run.ts'
import { collectRun, streamRun } from '../../http/stream-run.ts'
import { parseBody } from '../../http/validate.ts'
import { ChatAnswer, ChatChunks, type ReplyIds } from './chat/reply.ts'
import { type ChatRun, toChatRun } from './chat/request.ts'
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
  for (const path of spellings('/chat/completions')) {
    app.post(path, (request, reply) => chatCompletions(options, request, reply))
  }
  registerResponses(app, options)
  const constraints = { surface: 'openai' }
  for (const path of spellings('/models')) {
    app.get(path, { constraints }, async () => toModelList(modelNames(await options.models(), options.modelMap)))
  }
  refuseUnsupportedRoutes(app)
  for (const prefix of prefixes) {
    app.get<{ Params: { '*': string } }>(`${prefix}/models/*`, { constraints }, async ({ params }) => {
      const id = params['*'].replace(/\/$/, '')
      resolveModel(id, await options.models(), options.modelMap)
      return toModel(id)
    })
  }
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
    app.all(`/v1/${path}`, { constraints: { surface: 'openai' } }, async ({ url }) => {
      throw new AppError(
        'not_found',
        `${url.split('?')[0]} is not supported: use /v1/responses or /v1/chat/completions`,
      )
    })
  }
  for (const path of ['/v1/chat/completions', '/v1/responses']) {
    app.get(path, async (_request, reply) => {
      reply.header('allow', 'POST')
      throw new AppError('method_not_allowed', `${path} supports POST, not GET`)
    })
  }
}

async function chatCompletions(options: OpenaiOptions, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const body = parseBody(ChatRequest, request.body)
  const chat = toChatRun(body, resolveModel(body.model, await options.models(), options.modelMap))
  if (chat.plan.isAgent) requireScope(request.caller, 'agent')
  await checkAnswerSchema(chat.run.options.jsonSchema, 'response_format.json_schema.schema')
  await checkToolSchemas(chat.tools)
  reportIgnoredFields(reply, chat.ignored)
  const run = await startRun(options.runs, { ...chat.run, timeoutMs: options.requestTimeoutMs }, request, reply)
  const ids = { id: `chatcmpl-${run.id.replace(/^run_/, '')}`, created: Math.floor(run.createdAtMs / 1000) }
  if (!body.stream) return answerWhole(run, chat, ids, reply)
  const chunks = new ChatChunks(chat.plan, ids)
  const toErrorFrames = (error: AppError) => [toFrame(toErrorBody(error))]
  return streamRun(run, { toFrames: (event) => toFrames(event, chunks), toErrorFrames }, request, reply)
}

async function answerWhole(
  run: RunHandle,
  { plan, ignored }: ChatRun,
  ids: ReplyIds,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const answer = new ChatAnswer(plan)
  const completion = answer.toCompletion(await collectRun(run, (event) => answer.accept(event)), ids)
  // Only now is it known whether the model followed a forced choice.
  if (plan.wantsCall && completion.choices[0].finish_reason === 'stop') {
    nameIgnoredFields(reply, ['tool_choice', ...ignored])
  }
  return reply.send(completion)
}

const toFrame = (chunk: object): Frame => ({ data: JSON.stringify(chunk) })

/** Only a stream that succeeds ends with `[DONE]`. */
function toFrames(event: RunEvent, chunks: ChatChunks): Frame[] {
  const frames = chunks.encode(event).map(toFrame)
  return event.type === 'run-end' ? [...frames, { data: '[DONE]' }] : frames
}
