// What the OpenAI routes need from the server.

import type { ItemApi } from '../../../compat/batch-items.ts'
import type { Sealers } from '../../../compat/sealed-text.ts'
import type { BatchOptions, CompatOptions } from '../../../compat/serve-run.ts'
import type { BatchStore, FileStore } from '../../../core/batches/batches.ts'
import type { ConversationStore } from '../../../core/store.ts'
import type { ReaderLimits } from '../../../http/reader-limits.ts'
import type { ConversationLocks } from '../conversations/conversation-locks.ts'

export type OpenaiOptions = CompatOptions &
  BatchOptions & {
    /** Files that clients upload, and those with results. */
    store: FileStore & Pick<BatchStore, 'itemLines' | 'lineBytes'>
    /** Limits on clients that read stored responses as streams. */
    readers: ReaderLimits
    /** Conversations that clients keep here. */
    conversations: ConversationStore
    locks: ConversationLocks
    /** Seals the summaries of conversations that clients keep. */
    sealers: Sealers
    /** Answers items that are requests of the native API. */
    chatItems: ItemApi
  }
