// The OpenAI routes: chat completions, whole and streamed, and models. Those of the Responses API,
// conversations, files and batches are in the folders of these names. The translation itself is pure and lives in the other files.

import multipart from '@fastify/multipart'
import type { FastifyInstance } from 'fastify'
import { checkMayUse, mayUseModel } from '../../auth/key-policy.ts'
import { getModel, listModels, plainOrAgent } from '../../compat/model-routes.ts'
import { modelNames, resolveModel } from '../../compat/models.ts'
import { serveRun } from '../../compat/serve-run.ts'
import { AppError } from '../../errors.ts'
import { toRequestError } from '../../http/request-errors.ts'
import type { SendError } from '../../http/requested-surface.ts'
import { postOnly, type RouteTable, refuse, registerRoutes } from '../../http/routes.ts'
import { batchRoutes } from './batches/routes.ts'
import { chatApi } from './chat/api.ts'
import { ChatRequest } from './chat/schemas.ts'
import { conversationRoutes } from './conversations/routes.ts'
import { fileRoutes } from './files/routes.ts'
import { responseRoutes } from './responses/routes.ts'
import { openaiHeaders, openaiStatus, toErrorBody } from './shared/errors.ts'
import { toModel, toModelList } from './shared/models.ts'
import type { OpenaiOptions } from './shared/options.ts'

export const sendOpenaiError: SendError = (error, _request, reply) =>
  reply.code(openaiStatus(error)).headers(openaiHeaders(error)).send(toErrorBody(error))

/** For what no model of Claude does, another route would be no help. */
const otherServices: readonly [path: RegExp, text: string][] = [
  [/^\/v1\/embeddings/, 'Claude has no embeddings: use another program or service for them, such as Ollama'],
  [/^\/v1\/images/, 'Claude makes no images: use another service for them'],
  [/^\/v1\/audio/, 'Claude neither hears nor speaks: use another service for that'],
  [/^\/v1\/moderations/, 'Claude has no moderation model: use another service, or ask a model for its judgment'],
  [/^\/v1\/fine_tuning/, 'models of Claude cannot be trained here'],
  [
    /^\/v1\/(?:vector_stores|uploads)/,
    'files are stored for batches only (POST /v1/files): send others within the request',
  ],
]

function notSupported(path: string): AppError {
  const other = otherServices.find(([pattern]) => pattern.test(path))?.[1]
  return new AppError('not_found', `${path} is not supported: ${other ?? 'use /v1/responses or /v1/chat/completions'}`)
}

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
      ...['completions', 'embeddings', 'moderations'],
      ...['images/*', 'audio/*', 'assistants', 'assistants/*', 'threads'],
      ...['threads/*', 'vector_stores', 'vector_stores/*', 'fine_tuning/*', 'uploads'],
    ].map((name) => refuse(`/v1/${name}`, notSupported, true)),
  ],
}

/** Register this in a scope of its own, because its error handler is meant for these routes only. */
export function registerOpenai(app: FastifyInstance, options: OpenaiOptions): void {
  app.setErrorHandler((thrown, request, reply) => sendOpenaiError(toRequestError(thrown, request), request, reply))
  registerRoutes(app, openaiRoutes, options)
  registerRoutes(app, responseRoutes, options)
  registerRoutes(app, conversationRoutes, options)
  app.register(async (forms) => {
    await forms.register(multipart)
    registerRoutes(forms, fileRoutes, options)
  })
  registerRoutes(app, batchRoutes, options)
}
