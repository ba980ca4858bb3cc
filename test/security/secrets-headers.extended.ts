// The combinations that secrets-headers.test.ts leaves out.
import './secrets-headers.test.ts'
