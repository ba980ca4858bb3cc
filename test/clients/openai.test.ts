// The suite with the client's current major version: chat completions and the Responses API, with one server.
import { OpenAI } from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import { testResponsesApi } from './openai-responses.ts'
import { startSuiteServer, testOpenaiClient } from './openai-suite.ts'

const server = await startSuiteServer()

testOpenaiClient('openai 7', { OpenAI, zodResponseFormat }, server)
testResponsesApi(server)
