// Where a prompt is written: text, files that go with it, and the options.
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
  /** Whether it was taken. Throws FieldFault. */
  onSend(body: ChatBody, text: string, files: readonly string[]): Promise<boolean>
  onStop(): void
}

export function Composer({ text, sessionId, isBusy, models, onSend, onStop }: Props) {
  const files = useSignal<Attachment[]>([])
  const fault = useSignal<string | null>(null)
  const field = useRef<HTMLTextAreaElement>(null)
  const picker = useRef<HTMLInputElement>(null)
  useEffect(() => field.current?.focus(), [])

  const body = (): ChatBody => {
    const prompt = text.value.trim()
    const blocks = files.value.map(({ block }) => block)
    const given = bodyOf(values.value)
    if (blocks.length === 0) return { prompt, ...given }
    return { prompt: [...blocks, ...(prompt === '' ? [] : [{ type: 'text' as const, text: prompt }])], ...given }
  }
  const send = async () => {
    const [words, taken] = [text.value, files.value]
    if (isBusy || (words.trim() === '' && taken.length === 0)) return
    fault.value = null
    try {
      const sending = onSend(
        body(),
        words.trim(),
        taken.map(({ name }) => name),
      )
      text.value = ''
      files.value = []
      if (await sending) return
      // What was not taken is not lost, nor is what was written since.
      if (text.value === '') text.value = words
      files.value = [...taken, ...files.value]
    } catch (thrown) {
      fault.value = thrown instanceof Error ? thrown.message : String(thrown)
    }
  }
  const add = async (list: Iterable<File>) => {
    fault.value = null
    try {
      for (const file of list) files.value = [...files.value, await readAttachment(file)]
    } catch (thrown) {
      fault.value = thrown instanceof Error ? thrown.message : String(thrown)
    }
  }
  const curl = () => {
    fault.value = null
    try {
      return toCurl('/v1/chat/stream', { ...body(), ...(sessionId === null ? {} : { session_id: sessionId }) })
    } catch (thrown) {
      fault.value = thrown instanceof Error ? thrown.message : String(thrown)
      throw thrown
    }
  }
  const onKeyDown = (event: KeyboardEvent) => {
    // Enter that ends a word of an input method is not meant for us.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    void send()
  }
  const takeFiles = (event: DragEvent | ClipboardEvent, data: DataTransfer | null) => {
    if (data === null || data.files.length === 0) return
    event.preventDefault()
    void add(data.files)
  }
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault()
        void send()
      }}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => takeFiles(event, event.dataTransfer)}
    >
      {fault.value === null ? null : (
        <p class="fault" role="alert">
          {fault.value}
        </p>
      )}
      {files.value.length === 0 ? null : (
        <ul class="files" aria-label="Files that go with it">
          {files.value.map((file) => (
            <li key={file.name}>
              {file.name}
              <button
                type="button"
                class="quiet"
                aria-label={`Leave out ${file.name}`}
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
        placeholder="Ask Claude (Enter sends, Shift+Enter is a new line)"
        rows={2}
        value={text.value}
        onInput={({ currentTarget }) => (text.value = currentTarget.value)}
        onKeyDown={onKeyDown}
        onPaste={(event) => takeFiles(event, event.clipboardData)}
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
            void add([...(currentTarget.files ?? [])])
            currentTarget.value = ''
          }}
        />
        <CopyButton text={curl} label="Copy as curl" />
      </div>
      <OptionsForm models={models} />
    </form>
  )
}
