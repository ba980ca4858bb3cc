// Anthropic's routes: messages (whole and streamed), token counts and models. The translation is pure and lives in the
// other files. Register this in a scope of its own, because its error handler is meant for these routes only.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { requireScope } from '../../auth/authenticate.ts'
import { checkToolSchemas } from '../../compat/client-tools.ts'
import { checkAnswerSchema } from '../../compat/json-schema-checks.ts'
import { displayNameOf, modelNames, resolveModel } from '../../compat/models.ts'
import type { ModelFact } from '../../core/agent.ts'
import type { RunEvent } from '../../core/events.ts'
import type { RunHandle, RunInput, Runs } from '../../core/runs.ts'
import { AppError } from '../../errors.ts'
import { nameIgnoredFields, reportIgnoredFields } from '../../http/ignored-fields.ts'
import { toRequestError } from '../../http/request-errors.ts'
import type { SendError } from '../../http/requested-surface.ts'
import { prefixes, routesNeed, spellings } from '../../http/route-options.ts'
import type { Frame } from '../../http/sse.ts'
import { startRun } from '../../http/start-run.ts'
import { collectRun, streamRun } from '../../http/stream-run.ts'
import { parseBody } from '../../http/validate.ts'
import { anthropicHeaders, anthropicStatus, toErrorBody } from './errors.ts'
import { type PageQuery, toModelInfo, toModelPage } from './models.ts'
import { MessageAnswer, MessageEvents } from './reply.ts'
import type { MessageEvent } from './reply-schemas.ts'
import { type MessagesBody, type MessagesRun, toMessagesRun } from './request.ts'
import { CountRequest, MessagesRequest } from './schemas.ts'
import { readVersion } from './version.ts'

export type AnthropicOptions = {
  runs: Runs
  /** The models that the CLI reports. Called for each request. */
  models(): Promise<ModelFact[]>
  /** Names that clients use, and the models they stand for. */
  modelMap: Readonly<Record<string, string>>
  requestTimeoutMs: number
  /** Estimates how many tokens the model's API would count. `model` is a full id. */
  countTokens(run: Omit<RunInput, 'timeoutMs'>, model: string): number
}

export const sendAnthropicError: SendError = (error, request, reply) =>
  reply.code(anthropicStatus(error)).headers(anthropicHeaders(error)).send(toErrorBody(error, request.id))

export function registerAnthropic(app: FastifyInstance, options: AnthropicOptions): void {
  routesNeed(app, 'chat')
  app.setErrorHandler((thrown, request, reply) => sendAnthropicError(toRequestError(thrown, request), request, reply))
  for (const path of spellings('/messages')) {
    app.post(path, (request, reply) => messages(options, request, reply))
  }
  for (const path of spellings('/messages/count_tokens')) {
    app.post(path, (request, reply) => countTokens(options, request, reply))
  }
  registerModels(app, options)
  refuseUnsupported(app)
}

function registerModels(app: FastifyInstance, { models, modelMap }: AnthropicOptions): void {
  const constraints = { surface: 'anthropic' }
  for (const path of spellings('/models')) {
    app.get<{ Querystring: PageQuery }>(path, { constraints }, async ({ query }) =>
      toModelPage(modelNames(await models(), modelMap), query),
    )
  }
  for (const prefix of prefixes) {
    app.get<{ Params: { '*': string } }>(`${prefix}/models/*`, { constraints }, async ({ params }) => {
      const id = params['*'].replace(/\/$/, '')
      const facts = await models()
      resolveModel(id, facts, modelMap)
      return toModelInfo({ id, displayName: displayNameOf(id, facts, modelMap) })
    })
  }
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

async function prepare(
  { models, modelMap }: AnthropicOptions,
  body: MessagesBody,
  { headers, caller }: FastifyRequest,
): Promise<MessagesRun> {
  const resolved = resolveModel(body.model, await models(), modelMap)
  const message = toMessagesRun(body, resolved, readVersion(headers['anthropic-version']))
  if (message.plan.isAgent) requireScope(caller, 'agent')
  const schemaParam = body.output_config?.format ? 'output_config.format.schema' : 'output_format.schema'
  await checkAnswerSchema(message.run.options.jsonSchema, schemaParam)
  await checkToolSchemas(message.tools)
  return message
}

async function messages(options: AnthropicOptions, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const body = parseBody(MessagesRequest, request.body)
  const message = await prepare(options, body, request)
  reportIgnoredFields(reply, message.ignored)
  const run = await startRun(options.runs, { ...message.run, timeoutMs: options.requestTimeoutMs }, request, reply)
  const id = `msg_${run.id.replace(/^run_/, '')}`
  if (!body.stream) return answerWhole(run, message, id, reply)
  const events = new MessageEvents(message.plan, id)
  return streamRun(
    run,
    {
      toFrames: (event: RunEvent) => events.encode(event).map(toFrame),
      toErrorFrames: (error) => [toFrame(toErrorBody(error, request.id))],
      heartbeat: toFrame({ type: 'ping' }),
    },
    request,
    reply,
  )
}

async function answerWhole(
  run: RunHandle,
  { plan, ignored }: MessagesRun,
  id: string,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const answer = new MessageAnswer(plan)
  const message = answer.toMessage(await collectRun(run, (event) => answer.accept(event)), id)
  // Only now is it known whether the model followed a forced choice.
  if (plan.wantsCall && message.stop_reason === 'end_turn') {
    nameIgnoredFields(reply, ['tool_choice', ...ignored])
  }
  return reply.send(message)
}

/** The SDKs skip events that have no `event:` line. */
const toFrame = (event: MessageEvent): Frame => ({ event: event.type, data: JSON.stringify(event) })

async function countTokens(options: AnthropicOptions, request: FastifyRequest, reply: FastifyReply) {
  const body = parseBody(CountRequest, request.body)
  const { run, plan, ignored } = await prepare(options, body, request)
  reportIgnoredFields(reply, ignored)
  reply.header('x-claude-serve-estimate', 'input_tokens')
  return { input_tokens: options.countTokens(run, plan.model) }
}
