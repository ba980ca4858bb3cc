// The suite with the client's current major version.
import { OpenAI } from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import { testOpenaiClient } from './openai-suite.ts'

await testOpenaiClient('openai 7', { OpenAI, zodResponseFormat })
