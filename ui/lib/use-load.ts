// Data of a view: loaded when it is shown, and again every so often while somebody looks.
import { type Signal, useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { type ApiError, call, needsKey, toApiError } from './api.ts'

export type Loaded<T> = {
  data: Signal<T | null>
  fault: Signal<ApiError | null>
  reload(): Promise<void>
}

/** A server that is gone is looked for this often, in milliseconds. */
const againMs = 2_000

/** `everyMs`: null loads once. A path that changes loads anew; what was there stays until then. */
export function useLoad<T>(path: string, everyMs: number | null = null): Loaded<T> {
  const data = useSignal<T | null>(null)
  const fault = useSignal<ApiError | null>(null)
  const asked = useRef(0)
  /** The newest answer that was heard, which an older one does not replace. */
  const heard = useRef(0)
  const current = useRef(path)
  current.current = path
  const reload = async () => {
    const turn = ++asked.current
    const isNews = () => {
      const isNew = current.current === path && turn > heard.current
      if (isNew) heard.current = turn
      return isNew
    }
    try {
      const loaded = await call<T>(path)
      if (!isNews()) return
      data.value = loaded
      fault.value = null
    } catch (thrown) {
      if (isNews()) fault.value = toApiError(thrown)
    }
  }
  useEffect(() => void reload(), [path])
  useSignalEffect(() => {
    if (!needsKey.value && fault.peek()?.status === 401) void reload()
  })
  const isGone = fault.value?.code === 'offline'
  useEvery(everyMs ?? (isGone ? againMs : null), () => void reload(), [path])
  return { data, fault, reload }
}

/** Calls it every so often while the page can be seen, and when it comes back into sight. */
export function useEvery(everyMs: number | null, work: () => void, dependencies: readonly unknown[]): void {
  useEffect(() => {
    if (everyMs === null) return
    const look = () => {
      if (!document.hidden && !needsKey.value) work()
    }
    const timer = setInterval(look, everyMs)
    document.addEventListener('visibilitychange', look)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', look)
    }
  }, [everyMs, ...dependencies])
}
