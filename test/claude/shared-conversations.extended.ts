// The combinations that shared-conversations.test.ts leaves out.
import './shared-conversations.test.ts'
