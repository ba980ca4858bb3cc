// Libraries as clients: the first program in each language, as each library's own documentation writes it.
import type { Client } from './client.ts'
import { keyVariable, type Note, note, placeholder, shellWord, type Target } from './instructions.ts'

/** Strings are written alike in all these languages. */
const quoted = (text: string) => JSON.stringify(text)

const quotedOnce = (text: string) => (/['\\]/.test(text) ? quoted(text) : `'${text}'`)

type Language = 'JavaScript' | 'Python' | 'Go' | 'Java' | 'Ruby'

const fence: Record<Language, string> = { JavaScript: 'js', Python: 'python', Go: 'go', Java: 'java', Ruby: 'ruby' }

const fromEnvironment: Record<Language, string> = {
  JavaScript: `process.env.${keyVariable}`,
  Python: `os.environ["${keyVariable}"]`,
  Go: `os.Getenv("${keyVariable}")`,
  Java: `System.getenv("${keyVariable}")`,
  Ruby: `ENV.fetch("${keyVariable}")`,
}

type Values = { key: string; model: string; openaiUrl: string; anthropicUrl: string; hasKeys: boolean }

function program(place: Target, language: Language, write: (values: Values) => string, name: string = language): Note {
  const quote = language === 'JavaScript' ? quotedOnce : quoted
  const { url, model, hasKeys } = place
  const text = write({
    key: hasKeys ? fromEnvironment[language] : quote(placeholder),
    model: quote(model),
    openaiUrl: quote(`${url}/v1`),
    anthropicUrl: quote(url),
    hasKeys,
  })
  return note(`${name}:`, fence[language], text.trim())
}

const curl = (place: Target, path: string, headers: string[], body: unknown) =>
  note(
    'curl:',
    'sh',
    [
      `curl -s ${shellWord(place.url)}${path}`,
      ...['content-type: application/json', ...headers].map((header) => `-H '${header}'`),
      ...(place.hasKeys ? [`-H "authorization: Bearer $${keyVariable}"`] : []),
      `-d ${shellWord(JSON.stringify(body))}`,
    ].join(' \\\n  '),
  )

const sayHello = [{ role: 'user', content: 'Say hello' }]

export const openai: Client = {
  parts: (place) => [
    program(
      place,
      'JavaScript',
      ({ key, model, openaiUrl }) => `
import OpenAI from 'openai'

const client = new OpenAI({ baseURL: ${openaiUrl}, apiKey: ${key} })
const answer = await client.chat.completions.create({
  model: ${model},
  messages: [{ role: 'user', content: 'Say hello' }],
})
console.log(answer.choices[0].message.content)
`,
    ),
    program(
      place,
      'Python',
      ({ key, model, openaiUrl, hasKeys }) => `
${hasKeys ? 'import os\n\n' : ''}from openai import OpenAI

client = OpenAI(base_url=${openaiUrl}, api_key=${key})
answer = client.chat.completions.create(
    model=${model},
    messages=[{"role": "user", "content": "Say hello"}],
)
print(answer.choices[0].message.content)
`,
    ),
    program(
      place,
      'Go',
      ({ key, model, openaiUrl, hasKeys }) => `
package main

import (
	"context"
	"fmt"
${hasKeys ? '\t"os"\n' : ''}
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

func main() {
	client := openai.NewClient(option.WithBaseURL(${openaiUrl}), option.WithAPIKey(${key}))
	answer, err := client.Chat.Completions.New(context.Background(), openai.ChatCompletionNewParams{
		Model:    ${model},
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Say hello")},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(answer.Choices[0].Message.Content)
}
`,
    ),
    program(
      place,
      'Java',
      ({ key, model, openaiUrl }) => `
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.models.chat.completions.ChatCompletionCreateParams;

class Hello {
    public static void main(String[] words) {
        OpenAIClient client = OpenAIOkHttpClient.builder().baseUrl(${openaiUrl}).apiKey(${key}).build();
        ChatCompletionCreateParams question =
                ChatCompletionCreateParams.builder().model(${model}).addUserMessage("Say hello").build();
        client.chat().completions().create(question).choices()
                .forEach(choice -> choice.message().content().ifPresent(System.out::println));
    }
}
`,
    ),
    program(
      place,
      'Ruby',
      ({ key, model, openaiUrl }) => `
require "openai"

client = OpenAI::Client.new(base_url: ${openaiUrl}, api_key: ${key})
answer = client.chat.completions.create(
  model: ${model},
  messages: [{role: "user", content: "Say hello"}]
)
puts answer.choices[0].message.content
`,
    ),
    curl(place, '/v1/chat/completions', [], { model: place.model, messages: sayHello }),
  ],
}

export const anthropic: Client = {
  parts: (place) => [
    program(
      place,
      'JavaScript',
      ({ key, model, anthropicUrl }) => `
import Anthropic from '@anthropic-ai/sdk'

const client = new Anthropic({ baseURL: ${anthropicUrl}, apiKey: ${key} })
const answer = await client.messages.create({
  model: ${model},
  max_tokens: 1000,
  messages: [{ role: 'user', content: 'Say hello' }],
})
console.log(answer.content[0].text)
`,
    ),
    program(
      place,
      'Python',
      ({ key, model, anthropicUrl, hasKeys }) => `
${hasKeys ? 'import os\n\n' : ''}from anthropic import Anthropic

client = Anthropic(base_url=${anthropicUrl}, api_key=${key})
answer = client.messages.create(
    model=${model},
    max_tokens=1000,
    messages=[{"role": "user", "content": "Say hello"}],
)
print(answer.content[0].text)
`,
    ),
    program(
      place,
      'Go',
      ({ key, model, anthropicUrl, hasKeys }) => `
package main

import (
	"context"
	"fmt"
${hasKeys ? '\t"os"\n' : ''}
	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
)

func main() {
	client := anthropic.NewClient(option.WithBaseURL(${anthropicUrl}), option.WithAPIKey(${key}))
	answer, err := client.Messages.New(context.Background(), anthropic.MessageNewParams{
		Model:     ${model},
		MaxTokens: 1000,
		Messages:  []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Say hello"))},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(answer.Content[0].Text)
}
`,
    ),
    program(
      place,
      'Java',
      ({ key, model, anthropicUrl }) => `
import com.anthropic.client.AnthropicClient;
import com.anthropic.client.okhttp.AnthropicOkHttpClient;
import com.anthropic.models.messages.MessageCreateParams;

class Hello {
    public static void main(String[] words) {
        AnthropicClient client = AnthropicOkHttpClient.builder().baseUrl(${anthropicUrl}).apiKey(${key}).build();
        MessageCreateParams question =
                MessageCreateParams.builder().model(${model}).maxTokens(1000).addUserMessage("Say hello").build();
        client.messages().create(question).content()
                .forEach(block -> block.text().ifPresent(text -> System.out.println(text.text())));
    }
}
`,
    ),
    program(
      place,
      'Ruby',
      ({ key, model, anthropicUrl }) => `
require "anthropic"

client = Anthropic::Client.new(base_url: ${anthropicUrl}, api_key: ${key})
answer = client.messages.create(
  model: ${model},
  max_tokens: 1000,
  messages: [{role: "user", content: "Say hello"}]
)
puts answer.content[0].text
`,
    ),
    curl(place, '/v1/messages', ['anthropic-version: 2023-06-01'], {
      model: place.model,
      max_tokens: 1000,
      messages: sayHello,
    }),
  ],
}

export const aiSdk: Client = {
  parts: (place) => [
    program(
      place,
      'JavaScript',
      ({ key, model, openaiUrl, hasKeys }) => `
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { streamText } from 'ai'

const claude = createOpenAICompatible({
  name: 'claude-serve',
  baseURL: ${openaiUrl},${hasKeys ? `\n  apiKey: ${key},` : ''}
  includeUsage: true,
  supportsStructuredOutputs: true,
})
const { textStream } = streamText({ model: claude(${model}), prompt: 'Say hello' })
for await (const text of textStream) process.stdout.write(text)
`,
      'With @ai-sdk/openai-compatible',
    ),
    program(
      place,
      'JavaScript',
      ({ key, model, openaiUrl }) => `
import { createAnthropic } from '@ai-sdk/anthropic'
import { generateText } from 'ai'

const claude = createAnthropic({ baseURL: ${openaiUrl}, apiKey: ${key} })
const { text } = await generateText({ model: claude(${model}), prompt: 'Say hello' })
console.log(text)
`,
      'With @ai-sdk/anthropic',
    ),
    program(
      place,
      'JavaScript',
      ({ key, model, openaiUrl }) => `
import { createOpenAI } from '@ai-sdk/openai'
import { generateText } from 'ai'

const openai = createOpenAI({ baseURL: ${openaiUrl}, apiKey: ${key} })
const { text } = await generateText({ model: openai(${model}), prompt: 'Say hello' })
console.log(text)
`,
      'With @ai-sdk/openai',
    ),
  ],
}
