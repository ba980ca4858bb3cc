// The combinations that reuse.test.ts leaves out.
import './reuse.test.ts'
