// The OpenAI routes: chat completions, whole and streamed, and models. Those of the Responses API are in
// responses/routes.ts. The translation itself is pure and lives in the other files.

import type { FastifyInstance } from 'fastify'
import { checkMayUse, mayUseModel } from '../../auth/key-policy.ts'
import { getModel, listModels, plainOrAgent } from '../../compat/model-routes.ts'
import { modelNames, resolveModel } from '../../compat/models.ts'
import { type CompatApi, serveRun } from '../../compat/serve-run.ts'
import type { RunHandle } from '../../core/runs.ts'
import { AppError } from '../../errors.ts'
import { toRequestError } from '../../http/request-errors.ts'
import type { SendError } from '../../http/requested-surface.ts'
import { postOnly, type RouteTable, refuse, registerRoutes } from '../../http/routes.ts'
import type { Frame } from '../../http/sse.ts'
import { parseBody } from '../../http/validate.ts'
import { chatNestedFields } from './chat/fields.ts'
import { ChatChunks, type ReplyIds, toCompletion } from './chat/reply.ts'
import { type ChatPlan, toChatRun } from './chat/request.ts'
import { ChatRequest } from './chat/schemas.ts'
import { responseRoutes } from './responses/routes.ts'
import { openaiHeaders, openaiStatus, toErrorBody } from './shared/errors.ts'
import { toModel, toModelList } from './shared/models.ts'
import type { OpenaiOptions } from './shared/options.ts'

export const sendOpenaiError: SendError = (error, _request, reply) =>
  reply.code(openaiStatus(error)).headers(openaiHeaders(error)).send(toErrorBody(error))

const notSupported = (path: string) =>
  new AppError('not_found', `${path} is not supported: use /v1/responses or /v1/chat/completions`)

export const openaiRoutes: RouteTable<OpenaiOptions> = {
  tag: 'openai',
  scope: 'chat',
  routes: [
    {
      method: 'POST',
      path: '/v1/chat/completions',
      id: 'createChatCompletion',
      summary: "OpenAI's chat completions",
      about: `${plainOrAgent} With \`"stream": true\` the answer is streamed as server-sent events, the last one \`[DONE]\`.`,
      body: ChatRequest,
      answers: { 200: { about: 'The answer.', json: 'OpenAIChatCompletion', events: 'OpenAIChatCompletionChunk' } },
      startsRun: true,
      reportsIgnoredFields: true,
      handler: (options, request, reply) => serveRun(chatApi, options, request, reply),
    },
    {
      ...listModels,
      answers: { 200: { about: 'The names.', json: 'OpenAIModelList' } },
      handler: async ({ models, modelMap }, { caller: { key } }) =>
        toModelList(modelNames(await models(), modelMap, (name) => mayUseModel(key, name))),
    },
    {
      ...getModel,
      answers: { 200: { about: 'The model.', json: 'OpenAIModel' } },
      async handler({ models, modelMap }, { params, caller: { key } }) {
        const id = params['*']
        checkMayUse(key, resolveModel(id, await models(), modelMap).model ?? id)
        return toModel(id)
      },
    },
  ],
  // Other routes that programs call.
  refusals: [
    postOnly('/v1/chat/completions'),
    ...[
      ...['completions', 'responses/compact', 'conversations', 'conversations/*', 'embeddings', 'moderations'],
      ...['images/*', 'audio/*', 'files', 'files/*', 'batches', 'batches/*', 'assistants', 'assistants/*', 'threads'],
      ...['threads/*', 'vector_stores', 'vector_stores/*', 'fine_tuning/*', 'uploads'],
    ].map((name) => refuse(`/v1/${name}`, notSupported, true)),
  ],
}

/** Register this in a scope of its own, because its error handler is meant for these routes only. */
export function registerOpenai(app: FastifyInstance, options: OpenaiOptions): void {
  app.setErrorHandler((thrown, request, reply) => sendOpenaiError(toRequestError(thrown, request), request, reply))
  registerRoutes(app, openaiRoutes, options)
  registerRoutes(app, responseRoutes, options)
}

const chatApi: CompatApi<ChatRequest, ChatPlan> = {
  parse: (body) => parseBody(ChatRequest, body),
  translate: toChatRun,
  nestedFields: chatNestedFields,
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
