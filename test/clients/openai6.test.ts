// The suite with the client's former major version, which npm still gives to whoever runs an older Node.
import type { OpenAI } from 'openai'
import type { zodResponseFormat } from 'openai/helpers/zod'
import * as openai from 'openai6'
import * as helpers from 'openai6/helpers/zod'
import { testOpenaiClient } from './openai-suite.ts'

await testOpenaiClient(
  'openai 6',
  {
    // The suite uses nothing that the two have in different forms, but their classes are not of one type.
    OpenAI: openai.OpenAI as unknown as typeof OpenAI,
    zodResponseFormat: helpers.zodResponseFormat as unknown as typeof zodResponseFormat,
  },
  true,
)
