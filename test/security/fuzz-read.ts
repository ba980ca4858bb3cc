// What each surface makes of a body before anything is started: schema, translation, checks. For fuzzing without HTTP.
import assert from 'node:assert/strict'
import type { z } from 'zod'
import { toRunRequest } from '../../src/compat/agent-run.ts'
import { checkToolSchemas } from '../../src/compat/client-tools.ts'
import { checkAnswerSchema } from '../../src/compat/json-schema-checks.ts'
import { resolveModel } from '../../src/compat/models.ts'
import { estimateRequest } from '../../src/compat/tokens/estimate.ts'
import { AppError } from '../../src/errors.ts'
import { parseBody } from '../../src/http/validate.ts'
import { toErrorBody as anthropicError } from '../../src/surfaces/anthropic/errors.ts'
import { toMessagesRun } from '../../src/surfaces/anthropic/request.ts'
import { CountRequest, MessagesRequest } from '../../src/surfaces/anthropic/schemas.ts'
import { ChatRequest as NativeRequest } from '../../src/surfaces/native/schemas.ts'
import { toErrorBody as nativeError } from '../../src/surfaces/native/translate.ts'
import { toErrorBody as ollamaError } from '../../src/surfaces/ollama/errors.ts'
import { isLoad, toGenerateRun, toChatRun as toOllamaRun } from '../../src/surfaces/ollama/request.ts'
import { GenerateRequest, ChatRequest as OllamaRequest } from '../../src/surfaces/ollama/schemas.ts'
import { toChatRun } from '../../src/surfaces/openai/chat/request.ts'
import { ChatRequest as OpenaiRequest } from '../../src/surfaces/openai/chat/schemas.ts'
import { toErrorBody as openaiError } from '../../src/surfaces/openai/shared/errors.ts'
import { models } from './surfaces.ts'

/** Settles if the body is understood; throws an `AppError` if it is refused. */
export type Read = (body: unknown) => Promise<void>

/** Throws unless the body is understood, or refused with a client error that every API can report. */
export async function understood(read: Read, body: unknown): Promise<void> {
  try {
    await read(body)
  } catch (error) {
    if (!(error instanceof AppError) || error.status >= 500) throw error
    assert.notEqual(error.message, '')
    const bodies = [nativeError(error, 'req'), openaiError(error), anthropicError(error, 'req'), ollamaError(error)]
    for (const body of bodies) JSON.parse(JSON.stringify(body))
  }
}

const facts = await models()
const unchecked = { permissionMode: null, cwd: null, addDirs: null, roots: null }

export const readNative: Read = async (body) => {
  const { prompt, options } = toRunRequest(parseBody(NativeRequest, body), unchecked, true)
  await checkAnswerSchema(options.jsonSchema, 'json_schema')
  assertCanBeSent(prompt, options)
}

export const readOpenai: Read = async (body) => {
  const parsed = parseBody(OpenaiRequest, body)
  const { run, tools } = toChatRun(parsed, resolveModel(parsed.model, facts, {}))
  await checkAnswerSchema(run.options.jsonSchema, 'schema')
  await checkToolSchemas(tools)
  assertCanBeSent(run.prompt, run.session)
}

export const readOllama: Read = async (body) => {
  const parsed = parseBody(OllamaRequest, body)
  if (!isLoad(parsed)) await readOllamaRun(toOllamaRun(parsed, resolveModel(parsed.model, facts, {})))
}

export const readGenerate: Read = async (body) => {
  const parsed = parseBody(GenerateRequest, body)
  if (!isLoad(parsed)) await readOllamaRun(toGenerateRun(parsed, resolveModel(parsed.model, facts, {})))
}

async function readOllamaRun({ run, tools }: ReturnType<typeof toOllamaRun>) {
  await checkAnswerSchema(run.options.jsonSchema, 'format')
  await checkToolSchemas(tools)
  assertCanBeSent(run.prompt, run.session)
}

export const readMessages: Read = async (body) => {
  await readAnthropic(parseBody(MessagesRequest, body))
}

export const readCount: Read = async (body) => {
  const count = estimateRequest(await readAnthropic(parseBody(CountRequest, body)))
  assert.ok(count > 0 && Number.isFinite(count), String(count))
}

async function readAnthropic(parsed: z.output<typeof CountRequest>) {
  const { run, tools } = toMessagesRun(parsed, resolveModel(parsed.model, facts, {}), { isStrict: false })
  await checkAnswerSchema(run.options.jsonSchema, 'schema')
  await checkToolSchemas(tools)
  assertCanBeSent(run.prompt, run.session)
  return run
}

/** What is sent to the CLI is JSON. */
function assertCanBeSent(prompt: readonly unknown[], rest: unknown): void {
  assert.ok(prompt.length > 0)
  JSON.stringify([prompt, rest])
}

export const readOnly =
  (schema: z.ZodObject): Read =>
  async (body) =>
    void parseBody(schema, body)
