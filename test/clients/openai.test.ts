// The suite with the client's current major version: chat completions and the Responses API, with one server.
import { beforeEach, describe } from 'node:test'
import { OpenAI } from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import { testIsolation } from './openai-isolation.ts'
import { testResponsesApi } from './openai-responses.ts'
import { startSuiteServer, testOpenaiClient } from './openai-suite.ts'

const server = await startSuiteServer()

const subject = testOpenaiClient('openai 7', { OpenAI, zodResponseFormat }, server)
testResponsesApi(server)
// Last, because it needs all the processes, which would be started anew for the others.
describe('many conversations with openai 7', () => {
  beforeEach(() => server.upstream.reset())
  testIsolation(subject)
})
