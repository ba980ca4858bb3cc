// The form for a prompt: text, attached files and options.
import { type Signal, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { type Attachment, acceptedFiles, readAttachment } from '../lib/attachments.ts'
import type { ChatBody } from '../lib/conversation.ts'
import { toCurl } from '../lib/curl.ts'
import { bodyOf, values } from '../lib/options.ts'
import { CopyButton } from './copy-button.tsx'
import { OptionsForm } from './options-form.tsx'

type Props = {
  text: Signal<string>
  sessionId: string | null
  isBusy: boolean
  models: readonly string[]
  /** Resolves to whether the server accepted it. Throws FieldError. */
  onSend(body: ChatBody, text: string, files: readonly string[]): Promise<boolean>
  onStop(): void
}

export function Composer({ text, sessionId, isBusy, models, onSend, onStop }: Props) {
  const files = useSignal<Attachment[]>([])
  const error = useSignal<string | null>(null)
  const field = useRef<HTMLTextAreaElement>(null)
  const picker = useRef<HTMLInputElement>(null)
  useEffect(() => field.current?.focus(), [])

  const body = (): ChatBody => {
    const prompt = text.value.trim()
    const blocks = files.value.map(({ block }) => block)
    const options = bodyOf(values.value)
    if (blocks.length === 0) return { prompt, ...options }
    return { prompt: [...blocks, ...(prompt === '' ? [] : [{ type: 'text' as const, text: prompt }])], ...options }
  }
  const send = async () => {
    const [sentText, sentFiles] = [text.value, files.value]
    if (isBusy || (sentText.trim() === '' && sentFiles.length === 0)) return
    error.value = null
    try {
      const sending = onSend(
        body(),
        sentText.trim(),
        sentFiles.map(({ name }) => name),
      )
      text.value = ''
      files.value = []
      if (await sending) return
      // Restore what was not accepted, and keep what was typed in the meantime.
      if (text.value === '') text.value = sentText
      files.value = [...sentFiles, ...files.value]
    } catch (thrown) {
      error.value = thrown instanceof Error ? thrown.message : String(thrown)
    }
  }
  const attach = async (list: Iterable<File>) => {
    error.value = null
    try {
      for (const file of list) files.value = [...files.value, await readAttachment(file)]
    } catch (thrown) {
      error.value = thrown instanceof Error ? thrown.message : String(thrown)
    }
  }
  const curl = () => {
    error.value = null
    try {
      return toCurl('/v1/chat/stream', { ...body(), ...(sessionId === null ? {} : { session_id: sessionId }) })
    } catch (thrown) {
      error.value = thrown instanceof Error ? thrown.message : String(thrown)
      throw thrown
    }
  }
  const onKeyDown = (event: KeyboardEvent) => {
    // Enter that confirms a word of an input method must not send.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    void send()
  }
  const attachFrom = (event: DragEvent | ClipboardEvent, data: DataTransfer | null) => {
    if (data === null || data.files.length === 0) return
    event.preventDefault()
    void attach(data.files)
  }
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault()
        void send()
      }}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => attachFrom(event, event.dataTransfer)}
    >
      {error.value === null ? null : (
        <p class="error" role="alert">
          {error.value}
        </p>
      )}
      {files.value.length === 0 ? null : (
        <ul class="files" aria-label="Attached files">
          {files.value.map((file) => (
            <li key={file.name}>
              {file.name}
              <button
                type="button"
                class="quiet"
                aria-label={`Remove ${file.name}`}
                onClick={() => (files.value = files.value.filter((each) => each !== file))}
              >
                ×
              </button>
            </li>
          ))}
        </ul>
      )}
      <textarea
        ref={field}
        aria-label="Your prompt"
        placeholder="Ask Claude (Enter to send, Shift+Enter for a new line)"
        rows={2}
        value={text.value}
        onInput={({ currentTarget }) => (text.value = currentTarget.value)}
        onKeyDown={onKeyDown}
        onPaste={(event) => attachFrom(event, event.clipboardData)}
      />
      <div class="buttons">
        <button type="submit" class="main" disabled={isBusy}>
          Send
        </button>
        {isBusy ? (
          <button type="button" onClick={onStop} title="Esc">
            Stop
          </button>
        ) : null}
        <button type="button" onClick={() => picker.current?.click()}>
          Attach
        </button>
        <input
          ref={picker}
          type="file"
          hidden
          multiple
          aria-label="Files"
          accept={acceptedFiles}
          onChange={({ currentTarget }) => {
            void attach([...(currentTarget.files ?? [])])
            currentTarget.value = ''
          }}
        />
        <CopyButton text={curl} label="Copy as curl" />
      </div>
      <OptionsForm models={models} />
    </form>
  )
}
