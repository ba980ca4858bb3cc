// Libraries: a first program in each language, in the style of each library's own documentation.
import type { Client } from './client.ts'
import { keyVariable, type Note, note, placeholder, shellWord, type Target } from './instructions.ts'

/** String literals look the same in all these languages. */
const quoted = (text: string) => JSON.stringify(text)

const singleQuoted = (text: string) => (/['\\]/.test(text) ? quoted(text) : `'${text}'`)

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

function program(target: Target, language: Language, write: (values: Values) => string, name: string = language): Note {
  const quote = language === 'JavaScript' ? singleQuoted : quoted
  const { url, model, hasKeys } = target
  const text = write({
    key: hasKeys ? fromEnvironment[language] : quote(placeholder),
    model: quote(model),
    openaiUrl: quote(`${url}/v1`),
    anthropicUrl: quote(url),
    hasKeys,
  })
  return note(`${name}:`, fence[language], text.trim())
}

const curl = (target: Target, path: string, headers: string[], body: unknown) =>
  note(
    'curl:',
    'sh',
    [
      `curl -s ${shellWord(target.url)}${path}`,
      ...['content-type: application/json', ...headers].map((header) => `-H '${header}'`),
      ...(target.hasKeys ? [`-H "authorization: Bearer $${keyVariable}"`] : []),
      `-d ${shellWord(JSON.stringify(body))}`,
    ].join(' \\\n  '),
  )

const sayHello = [{ role: 'user', content: 'Say hello' }]

export const openai: Client = {
  parts: (target) => [
    program(
      target,
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
      target,
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
      target,
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
      target,
      'Java',
      ({ key, model, openaiUrl }) => `
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.models.chat.completions.ChatCompletionCreateParams;

class Hello {
    public static void main(String[] args) {
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
      target,
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
    curl(target, '/v1/chat/completions', [], { model: target.model, messages: sayHello }),
  ],
}

export const anthropic: Client = {
  parts: (target) => [
    program(
      target,
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
      target,
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
      target,
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
      target,
      'Java',
      ({ key, model, anthropicUrl }) => `
import com.anthropic.client.AnthropicClient;
import com.anthropic.client.okhttp.AnthropicOkHttpClient;
import com.anthropic.models.messages.MessageCreateParams;

class Hello {
    public static void main(String[] args) {
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
      target,
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
    curl(target, '/v1/messages', ['anthropic-version: 2023-06-01'], {
      model: target.model,
      max_tokens: 1000,
      messages: sayHello,
    }),
  ],
}

export const aiSdk: Client = {
  parts: (target) => [
    program(
      target,
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
      target,
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
      target,
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
