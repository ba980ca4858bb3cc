// The tests that chat.test.ts leaves out.
import './chat.test.ts'
