// The suite with the client's previous major version, which users of an older Node still get from npm.
import type { OpenAI } from 'openai'
import type { zodResponseFormat } from 'openai/helpers/zod'
import * as openai from 'openai6'
import * as helpers from 'openai6/helpers/zod'
import { startSuiteServer, testOpenaiClient } from './openai-suite.ts'

testOpenaiClient(
  'openai 6',
  {
    // The suite uses nothing that differs between the versions, but their classes have different types.
    OpenAI: openai.OpenAI as unknown as typeof OpenAI,
    zodResponseFormat: helpers.zodResponseFormat as unknown as typeof zodResponseFormat,
  },
  await startSuiteServer(),
  true,
)
