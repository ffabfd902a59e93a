//! How deep a statement may go. Chains (`1 + 1 + …`, `UNION`, joins, subscripts) become trees as deep as they are long, and whoever walks
//! over one or drops it goes as deep: what no stack holds must be refused before it is parsed.

use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::SqlError;
use crate::limits::LINKS_MAX;

/// Refuses a statement whose tree may be too deep.
pub(crate) fn check(statement: &str) -> Result<(), SqlError> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, statement).tokenize();
    let tokens = tokens.map_err(|error| SqlError::Statement(error.to_string()))?;
    let links = tokens.iter().filter(|token| is_link(token)).count();
    if links > LINKS_MAX {
        return Err(SqlError::Statement(format!(
            "the statement has {links} keywords and operators, {LINKS_MAX} are the most; write long lists as IN (…) or VALUES"
        )));
    }
    Ok(())
}

/// Names, values and what separates them make a statement wide; everything else may make it deep.
fn is_link(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.keyword != Keyword::NoKeyword,
        Token::EOF
        | Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::Whitespace(_)
        | Token::Comma
        | Token::RParen
        | Token::RBracket
        | Token::SemiColon => false,
        _ => true,
    }
}
