//! Arithmetic in templates. Texts are read as numbers; what is none counts as zero, as in Sprig.

use gotemplate::Value;

use super::functions::Arguments;

pub(super) fn call(name: &str, all: Arguments<'_>) -> Result<Value, String> {
    let ints = || all.0.iter().map(int);
    let floats = || all.0.iter().map(float);
    let int_at = |index| all.value(index).map(int);
    let fold = |join: fn(f64, f64) -> f64| floats().reduce(join).unwrap_or_default();
    let divisor = || match int_at(1)? {
        0 => Err("division by zero".to_owned()),
        divisor => Ok(divisor),
    };
    Ok(match name {
        "int" => Value::Int(int_at(0)?),
        "float64" => Value::Float(float(all.value(0)?)),
        "add" => Value::Int(ints().fold(0, i64::wrapping_add)),
        "sub" => Value::Int(int_at(0)?.wrapping_sub(int_at(1)?)),
        "mul" => Value::Int(ints().fold(1, i64::wrapping_mul)),
        "div" => Value::Int(int_at(0)?.wrapping_div(divisor()?)),
        "mod" => Value::Int(int_at(0)?.wrapping_rem(divisor()?)),
        "max" => Value::Int(ints().max().unwrap_or_default()),
        "min" => Value::Int(ints().min().unwrap_or_default()),
        "addf" => Value::Float(fold(|a, b| a + b)),
        "subf" => Value::Float(fold(|a, b| a - b)),
        "mulf" => Value::Float(fold(|a, b| a * b)),
        "divf" => Value::Float(fold(|a, b| a / b)),
        "maxf" => Value::Float(fold(f64::max)),
        "minf" => Value::Float(fold(f64::min)),
        "ceil" => Value::Float(float(all.value(0)?).ceil()),
        "floor" => Value::Float(float(all.value(0)?).floor()),
        _ => {
            let places = int_at(1)?.clamp(-300, 300);
            let scale = 10_f64.powi(places as i32);
            let up_from = all.0.get(2).map_or(0.5, float);
            let scaled = float(all.value(0)?) * scale;
            let whole = scaled.trunc();
            let far = (scaled - whole).abs() >= up_from;
            Value::Float((if far { whole + scaled.signum() } else { whole }) / scale)
        }
    })
}

fn int(value: &Value) -> i64 {
    match value {
        Value::Int(value) => *value,
        Value::Float(value) => *value as i64,
        Value::Bool(value) => i64::from(*value),
        Value::Text(text) => text.parse().unwrap_or_else(|_| float(value) as i64),
        _ => 0,
    }
}

fn float(value: &Value) -> f64 {
    match value {
        Value::Int(value) => *value as f64,
        Value::Float(value) => *value,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Text(text) => text.trim().parse().unwrap_or_default(),
        _ => 0.0,
    }
}
