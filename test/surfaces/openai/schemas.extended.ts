// The stream that schemas.test.ts leaves out.
import './schemas.test.ts'
